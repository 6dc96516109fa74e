/** Unit, property, simulation and golden tests. The proof bed has its own configuration: it needs real servers. */
module.exports = {
  testEnvironment: '<rootDir>/test/plain-context.js',
  roots: ['<rootDir>/lib', '<rootDir>/test', '<rootDir>/bin', '<rootDir>/blueprints'],
  testMatch: ['**/*.test.ts'],
  testPathIgnorePatterns: [
    '/node_modules/',
    '<rootDir>/test/proof-bed/',
    '<rootDir>/test/slow/',
    '<rootDir>/test/storms/',
  ],
  transform: { '^.+\\.ts$': ['@swc/jest', { jsc: { target: 'es2023', parser: { syntax: 'typescript' } } }] },
  setupFiles: ['<rootDir>/test/seed-setup.ts'],
  testTimeout: 60_000,
  testSequencer: '<rootDir>/test/sequencer.js',
  maxWorkers: 2,
};
