# SPDX-License-Identifier: GPL-2.0-or-later
# Program: a node program: objects, regular expressions, promises and timers
# Package: nodejs
. "$(dirname "$0")/need.inc"

case $1 in
prepare)
  need node
  cat >in.js <<'JS'
const turns = Number(process.argv[2]);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
async function work(n) {
  await sleep(n % 5);
  let text = '';
  for (let i = 0; i < 2000; ++i) text += `bird-${(i * n) % 317} `;
  const count = {};
  for (const [, w] of text.matchAll(/(bird-\d+)/g)) count[w] = (count[w] || 0) + 1;
  return Object.keys(count).length + JSON.stringify(count).length;
}
(async () => {
  for (let turn = 0; turn < turns; ++turn) {
    const all = await Promise.all([...Array(50).keys()].map((n) => work(n + turn)));
    console.log(turn, all.reduce((a, b) => (a * 31 + b) % 1000003, 7));
  }
})();
JS
  ;;
run) exec node in.js "$(pick 20 1500)" ;;
esac
