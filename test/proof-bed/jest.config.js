/** Tests on the proof bed: real servers, one file after the other. `npm run test:proof-bed`. */
module.exports = {
  rootDir: '../..',
  testEnvironment: 'node',
  roots: ['<rootDir>/test/proof-bed'],
  testMatch: ['**/*.test.ts'],
  globalSetup: '<rootDir>/test/proof-bed/prepare.ts',
  setupFiles: ['<rootDir>/test/seed-setup.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2023', parser: { syntax: 'typescript' } } }] },
  testTimeout: 600_000,
  maxWorkers: 1,
};
