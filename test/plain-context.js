/**
 * Jest's environment for Node, in an ordinary context. Jest's own puts a Proxy under the globals, to clean them up in the end; then every
 * `Map`, `Object` and `JSON` that the code under test names is looked up through it, and a storm takes half as long again.
 */
const vm = require('node:vm');
const { TestEnvironment } = require('jest-environment-node');

module.exports = class PlainContext extends TestEnvironment {
  constructor(config, context) {
    const { createContext } = vm;
    vm.createContext = () => createContext(vm.constants.DONT_CONTEXTIFY);
    try {
      super(config, context);
    } finally {
      vm.createContext = createContext;
    }
  }
};
