# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for mosctl(1)

_mosctl() {
  local cur prev words cword command="" i
  _init_completion -s 2>/dev/null || {
    cur=${COMP_WORDS[COMP_CWORD]}
    prev=${COMP_WORDS[COMP_CWORD - 1]}
    words=("${COMP_WORDS[@]}")
    cword=$COMP_CWORD
  }
  if [[ $prev == --socket ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    return
  fi
  for ((i = 1; i < cword; i++)); do
    case ${words[i]} in
      --socket) ((i++)) ;;
      -*) ;;
      *)
        command=${words[i]}
        break
        ;;
    esac
  done
  local choices="--json --socket --help"
  case $command in
    "") choices+=" --version nodes status whois netboot where why lock unlock bring expel block stats leave version" ;;
    nodes) choices+=" --all --wait --timeout" ;;
    where | why | lock | unlock)
      # One's own processes.
      choices+=" $(ps -o pid= -u "$(id -u)" 2>/dev/null)"
      ;;
    block) choices+=" on off" ;;
    whois)
      # Numbers and host names of the flock, when a daemon answers.
      choices+=" self $(mosctl nodes 2>/dev/null | awk 'NR > 1 { sub(/^\*/, "", $1); print $1, $2 }')"
      ;;
  esac
  mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$cur")
}
complete -F _mosctl mosctl
