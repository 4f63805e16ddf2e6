# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for migrate(1)

_migrate() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} choices
  if [[ $prev == --socket ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    return
  fi
  if [[ $cur == -* ]]; then
    choices="--json --socket --help --version"
  elif [[ $prev =~ ^[0-9]+$ ]]; then
    choices="home $(mosctl nodes 2>/dev/null | awk 'NR > 1 { sub(/^\*/, "", $1); print $1, $2 }')"
  else
    choices=$(ps -o pid= -u "$(id -u)" 2>/dev/null)
  fi
  mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$cur")
}
complete -F _migrate migrate
