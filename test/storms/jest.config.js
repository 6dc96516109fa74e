/** Storms of the simulator, whole: half an hour. A pull request waits for a part of them, in test/simulation. */
module.exports = {
  ...require('../../jest.config.js'),
  rootDir: '../..',
  roots: ['<rootDir>/test/storms'],
  testPathIgnorePatterns: ['/node_modules/'],
};
