/** Runs before each test file: properties that name no seed of their own take the one of the run. fast-check prints it on failure. */
import { configureGlobal } from 'fast-check';
import { seedOfRun } from './seed';

configureGlobal({ seed: seedOfRun() });
