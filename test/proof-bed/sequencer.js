/**
 * Two files of the proof bed run side by side: beds wait most of the time. The longest come first, so that one worker tells the acceptance
 * story while the other does everything else; and the file that counts what dead beds leave comes where nobody else starts one.
 */
const { basename } = require('node:path');

const FIRST = ['acceptance.test.ts', 'killed-during-moves.test.ts', 'bed-cleanup.test.ts'];

function rankOf({ path }) {
  const at = FIRST.indexOf(basename(path));
  return at === -1 ? FIRST.length : at;
}

module.exports = class {
  sort(tests) {
    return [...tests].sort((a, b) => rankOf(a) - rankOf(b) || (a.path < b.path ? -1 : 1));
  }

  /** For `--onlyFailures`: which failed is not remembered. */
  allFailedTests(tests) {
    return tests;
  }

  cacheResults() {}
};
