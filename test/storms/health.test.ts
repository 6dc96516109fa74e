/** All storms of health. */
import { wholeSet } from '../simulation/storm-suite';

wholeSet('health');
