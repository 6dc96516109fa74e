/** The namespaces of our own. */

/** Where the controllers run. */
export const CONTROLLERS_NAMESPACE = 'aicluster-system';
/** Where the checks of nodes run: privileged, and closed to everybody else. */
export const VALIDATION_NAMESPACE = 'aicluster-validation';
