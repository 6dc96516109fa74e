/** Tests on the proof bed: real servers, two files side by side. `npm run test:proof-bed`. */
module.exports = {
  rootDir: '../..',
  testEnvironment: 'node',
  roots: ['<rootDir>/test/proof-bed'],
  testMatch: ['**/*.test.ts'],
  globalSetup: '<rootDir>/test/proof-bed/prepare.ts',
  setupFiles: ['<rootDir>/test/seed-setup.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2023', parser: { syntax: 'typescript' } } }] },
  testSequencer: '<rootDir>/test/proof-bed/sequencer.js',
  testTimeout: 600_000,
  maxWorkers: 2,
};
