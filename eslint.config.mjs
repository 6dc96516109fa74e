import tseslint from 'typescript-eslint';

/** Sizes the models of this house live by (docs/ARCHITECTURE.md). Exceptions are listed at the end, each with its reason. */
const sizes = {
  'max-lines': ['error', { max: 300, skipBlankLines: false, skipComments: false }],
  'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true, IIFEs: false }],
  complexity: ['error', 10],
  'max-depth': ['error', 3],
  'max-params': ['error', 4],
};

export default tseslint.config(
  { ignores: ['dist/**', 'cdk.out/**', 'node_modules/**', '**/*.js', '.cache/**', 'test/golden/**'] },
  ...tseslint.configs.recommended,
  {
    files: ['**/*.ts'],
    rules: {
      ...sizes,
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      'no-param-reassign': 'error',
      '@typescript-eslint/no-explicit-any': 'off', // Kubernetes objects of other people's Kinds are plain JSON
      '@typescript-eslint/no-non-null-assertion': 'off', // noUncheckedIndexedAccess makes it the honest way after a length check
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': ['error', { disallowTypeAnnotations: false }],
    },
  },
  {
    // A describe block is a chapter, not a function.
    files: ['**/*.test.ts', 'test/**/*.ts', 'bench/**/*.ts'],
    rules: { 'max-lines-per-function': 'off', 'max-lines': ['error', { max: 500 }], 'no-console': 'off' },
  },
  { files: ['bin/**/*.ts', 'lib/cli/**/*.ts'], rules: { 'no-console': 'off' } },
);
