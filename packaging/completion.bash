# Completion of bdfs in bash: verbs, options, names of the cluster. _bdfs_verbs and _bdfs_options stand
# before it in the installed file; the program prints them (bdfs --completion).
_bdfs_words() {
        case $1 in
        cluster) echo 'up status down' ;;
        job) echo 'run logs' ;;
        admin) echo 'report safemode checkpoint digest' ;;
        esac
}
_bdfs() {
        local cur=${COMP_WORDS[COMP_CWORD]} verb= i name general='--conf --uri --user --timeout --json -q -D'
        local -a before=()
        COMPREPLY=()
        for ((i = 1; i < COMP_CWORD; i++)); do
                case ${COMP_WORDS[i]} in
                --conf|--uri|--user|--timeout)
                        [ $((i + 1)) -lt "$COMP_CWORD" ] && before+=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}")
                        i=$((i + 1)) ;;
                -D) i=$((i + 1)) ;;
                dfs|fs) ;;
                --*|-q) ;;
                *) verb=${COMP_WORDS[i]#-}; break ;;
                esac
        done
        if [ "${COMP_WORDS[COMP_CWORD - 1]}" = --conf ]; then
                compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")
        elif [ -z "$verb" ] && [[ $cur == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$general --help --version" -- "$cur")
        elif [ -z "$verb" ]; then
                mapfile -t COMPREPLY < <(compgen -W "$_bdfs_verbs" -- "$cur")
        elif [[ $cur == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$(_bdfs_options "$verb")" -- "$cur")
        elif [ $((i + 1)) -eq "$COMP_CWORD" ] && [ -n "$(_bdfs_words "$verb")" ]; then
                mapfile -t COMPREPLY < <(compgen -W "$(_bdfs_words "$verb")" -- "$cur")
        else
                case $verb in
                put|get|append|appendToFile|copyFromLocal|copyToLocal|moveFromLocal|getmerge|mount|umount|cluster|job)
                        compopt -o filenames
                        mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$cur") ;;
                esac
                case $verb in
                mount|umount|cluster|admin|doctor) ;;
                *)      compopt -o nospace
                        while read -r mode _ _ _ _ _ _ name; do
                                case $mode in d*) name=$name/ ;; -*|l*) ;; *) continue ;; esac
                                COMPREPLY+=("$(printf %q "$name")")
                        done < <("${COMP_WORDS[0]}" "${before[@]}" --timeout 2 ls -d "$(printf %s "$cur" | sed 's/[*?{}[]/\\&/g')*" 2>/dev/null) ;;
                esac
        fi
}
complete -F _bdfs bdfs
