/** The storms are the longest and the smallest files, and jest takes large files for long ones: they come first, or a worker idles in the end. */
const { basename } = require('node:path');

const isStorm = ({ path }) => basename(path).startsWith('storm');

module.exports = class {
  sort(tests) {
    return [...tests].sort((a, b) => Number(isStorm(b)) - Number(isStorm(a)) || (a.path < b.path ? -1 : 1));
  }

  /** For `--onlyFailures`: which failed is not remembered. */
  allFailedTests(tests) {
    return tests;
  }

  cacheResults() {}
};
