/** How work is stopped and let go again, for whoever may: moves, and the pod janitor. Pure. */
export * from './adapters';
export * from './words';
