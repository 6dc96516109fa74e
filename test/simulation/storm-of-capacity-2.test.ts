/** The even ones of five storms of capacity. */
import { stormsOfCapacity } from './storm-suite';

stormsOfCapacity(2, 4);
