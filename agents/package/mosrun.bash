# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for mosrun(1)

_mosrun() {
  local cur=${COMP_WORDS[COMP_CWORD]} i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case ${COMP_WORDS[i]} in
      -j | --socket) ((i++)) ;;
      -*) ;;
      *) break ;;
    esac
  done
  # Behind mosrun's own options everything is the command's.
  if ((i < COMP_CWORD)) && declare -F _command_offset >/dev/null; then
    _command_offset "$i"
    return
  fi
  case ${COMP_WORDS[COMP_CWORD - 1]} in
    -j)
      mapfile -t COMPREPLY < <(compgen -W "$(mosctl nodes 2>/dev/null |
        awk 'NR > 1 { sub(/^\*/, "", $1); print $1, $2 }')" -- "$cur")
      ;;
    --socket) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
    *)
      if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "-j -b -h -l -q --socket --help --version" -- "$cur")
      else
        mapfile -t COMPREPLY < <(compgen -c -- "$cur")
      fi
      ;;
  esac
}
complete -F _mosrun mosrun
