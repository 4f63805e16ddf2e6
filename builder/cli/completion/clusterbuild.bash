# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for clusterbuild(1). Options come from the program's own help, so that they are
# never out of date.

_clusterbuild()
{
    local words=("${COMP_WORDS[@]}") cword=$COMP_CWORD
    local cur=${words[cword]} prev=${words[cword - 1]}
    # readline cuts --option=value at the '='
    if [[ $cur == = ]]; then
        cur=
    elif [[ $prev == = ]]; then
        prev=${words[cword - 2]}
    fi

    local verbs='build plan check show verify boot test clean'
    if ((cword == 1)); then
        COMPREPLY=($(compgen -W "$verbs --help --version" -- "$cur"))
        return
    fi
    local verb=${words[1]}
    case $prev in
        --profile)
            COMPREPLY=($(compgen -W 'minimal classroom dev' -- "$cur") $(compgen -f -X '!*.ini' -- "$cur")) ;;
        --kernel) COMPREPLY=($(compgen -W 'patched debian' -- "$cur")) ;;
        --compression) COMPREPLY=($(compgen -W 'zstd xz lz4 gzip' -- "$cur")) ;;
        --arch) COMPREPLY=($(compgen -W 'amd64' -- "$cur")) ;;
        --firmware) COMPREPLY=($(compgen -W 'bios uefi' -- "$cur")) ;;
        --accel) COMPREPLY=($(compgen -W 'auto kvm tcg' -- "$cur")) ;;
        --nic) COMPREPLY=($(compgen -W 'virtio e1000 e1000e rtl8139' -- "$cur")) ;;
        --suite)
            if [[ $verb == test ]]; then
                COMPREPLY=($(compgen -W 'boot failover migration criu' -- "$cur"))
            fi ;;
        --config | -c)
            COMPREPLY=($(compgen -f -X '!*.ini' -- "$cur") $(compgen -d -- "$cur")) ;;
        --*-dir | --dir | --overlays | --live-build-config)
            COMPREPLY=($(compgen -d -- "$cur")) ;;
        --hooks | --kernel-config | --kernel-patches | --flock-key | --signing-key | --key)
            COMPREPLY=($(compgen -f -- "$cur")) ;;
        --packages)
            COMPREPLY=($(apt-cache --no-generate pkgnames "$cur" 2>/dev/null)) ;;
        *)
            if [[ $cur == -* ]]; then
                COMPREPLY=($(compgen -W "$("${words[0]}" "$verb" --help 2>/dev/null |
                    grep -oE -- '--[a-z][a-z-]*')" -- "$cur"))
                return
            fi
            case $verb in
                boot | test)
                    COMPREPLY=($(compgen -f -X '!*.iso' -- "$cur") $(compgen -d -- "$cur")) ;;
                verify)
                    COMPREPLY=($(compgen -d -- "$cur")) ;;
                build | plan | check | show)
                    COMPREPLY=($(compgen -f -X '!*.ini' -- "$cur") $(compgen -d -- "$cur")) ;;
                clean)
                    COMPREPLY=($(compgen -W "$("${words[0]}" plan --json 2>/dev/null |
                        sed -n 's/^ *"stage": "\(.*\)".*/\1/p')" -- "$cur")) ;;
            esac
            ;;
    esac
} && complete -o filenames -F _clusterbuild clusterbuild
