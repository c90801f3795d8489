/**
 * What is said of or by an app, for its log.
 *
 * @param app - empty for what is no app's
 */
export type Logger = (app: string, level: 'info' | 'warn' | 'error', message: string, data?: unknown) => void
