# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for mps(1)

_mps() {
  local cur=${COMP_WORDS[COMP_CWORD]}
  if [[ ${COMP_WORDS[COMP_CWORD - 1]} == --socket ]]; then
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    return
  fi
  mapfile -t COMPREPLY < <(compgen -W "-a -m -q --json --socket --help --version" -- "$cur")
}
complete -F _mps mps
