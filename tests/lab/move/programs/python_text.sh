# SPDX-License-Identifier: GPL-2.0-or-later
# Program: python3 with json and regular expressions
# Package: python3
. "$(dirname "$0")/need.inc"

case $1 in
prepare) need python3 && text "$(pick 500000 3000000)" >in ;;
run) exec python3 - "$(pick 3 40)" <<'PY'
import sys, json, re, hashlib, collections
text = open("in").read()
for turn in range(int(sys.argv[1])):
    words = collections.Counter(re.findall(r"\b[a-z]{3,}\b", text))
    numbers = [int(n) for n in re.findall(r"\d{4,}", text)]
    data = {"turn": turn, "words": words, "numbers": numbers[:20000]}
    again = json.loads(json.dumps(data, sort_keys=True))
    text2 = re.sub(r"(\w+) (\w+)", r"\2 \1", text)
    print(hashlib.sha256(json.dumps(again, sort_keys=True).encode()).hexdigest(), hashlib.md5(text2.encode()).hexdigest())
PY
  ;;
esac
