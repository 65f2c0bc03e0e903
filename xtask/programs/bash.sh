# Arrays, strings and subshells of bash.
set -euo pipefail
declare -a numbers
declare -A counts
for ((i = 0; i < 40000; i++)); do
    numbers[i]=$((i * 7919 % 10007))
    key="key-${numbers[i]}"
    counts[$key]=$((${counts[$key]:-0} + 1))
done
echo "${#numbers[@]} numbers, ${#counts[@]} keys, ${counts[key-42]} times key-42"
text=""
for ((i = 0; i < 400; i++)); do
    text+="line $i of some text;"
    text=${text//line 1/LINE 1}
done
echo "${#text} characters"
for ((i = 0; i < 200; i++)); do
    part=$(printf '%s\n' "${numbers[@]:i*10:10}" | sort -n | tail -n 1)
    total=$((${total:-0} + part))
done
echo "$total"
