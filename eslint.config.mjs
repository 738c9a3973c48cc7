/**
 * What a reviewer should not have to say. Sizes are limits, not targets; the layout of the tree
 * (who may import whom) is checked by scripts/tidy.ts, and formatting by prettier.
 */
import js from '@eslint/js';
import tseslint from 'typescript-eslint';

const LINES_PER_FILE_MAX = 400;
const LINES_PER_FUNCTION_MAX = 70;
const PARAMETERS_MAX = 3;
const HOT_PATH_PARAMETERS_MAX = 6;

const SIZES = {
  'max-lines': ['error', { max: LINES_PER_FILE_MAX, skipBlankLines: true, skipComments: true }],
  'max-lines-per-function': [
    'error',
    { max: LINES_PER_FUNCTION_MAX, skipBlankLines: true, skipComments: true },
  ],
  'max-params': ['error', { max: PARAMETERS_MAX }],
};

const NO_DEFAULT_EXPORT = {
  selector: 'ExportDefaultDeclaration',
  message: 'Export by name, so that one thing has one name everywhere.',
};

/** node:test runs what these return; a promise of theirs needs no await. */
const NODE_TEST_CALLS = {
  from: 'package',
  package: 'node:test',
  name: ['it', 'test', 'describe', 'suite', 'before', 'after', 'beforeEach', 'afterEach'],
};

export default tseslint.config(
  { ignores: ['**/node_modules/', 'dist/', 'proto/gen/', '.cache/', 'coverage/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },

  js.configs.recommended,
  {
    rules: {
      ...SIZES,
      eqeqeq: 'error',
      'no-var': 'error',
      'prefer-const': 'error',
      'object-shorthand': 'error',
      'no-else-return': 'error',
      'no-restricted-syntax': ['error', NO_DEFAULT_EXPORT],
    },
  },

  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      'max-params': 'off',
      '@typescript-eslint/max-params': ['error', { max: PARAMETERS_MAX }],
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [NODE_TEST_CALLS] },
      ],
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/no-unnecessary-type-assertion': 'error',
      // An offset or a count in a message is clear; an object in one is not.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // Implementations of an asynchronous interface may have nothing to wait for.
      '@typescript-eslint/require-await': 'off',
    },
  },

  {
    // The hot path passes primitives: an options object for each batch or record is garbage.
    files: ['kafka/records/**/*.ts', 'kafka/wire/**/*.ts'],
    rules: { '@typescript-eslint/max-params': ['error', { max: HOT_PATH_PARAMETERS_MAX }] },
  },

  {
    // A describe block is as long as its facts, and a property takes what it is given.
    files: ['test/**/*.ts', 'bench/**/*.ts'],
    rules: {
      'max-lines-per-function': 'off',
      '@typescript-eslint/max-params': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
    },
  },

  {
    files: ['**/*.mjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        Buffer: 'readonly',
        URL: 'readonly',
        AbortController: 'readonly',
        AbortSignal: 'readonly',
        fetch: 'readonly',
        performance: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        setInterval: 'readonly',
        clearInterval: 'readonly',
      },
    },
  },

  {
    // ESLint and node:test load the default export of these.
    files: ['eslint.config.mjs', 'scripts/test-reporter.mjs'],
    rules: { 'no-restricted-syntax': 'off' },
  },
);
