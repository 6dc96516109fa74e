/** All storms of capacity. */
import { wholeSet } from '../simulation/storm-suite';

wholeSet('capacity');
