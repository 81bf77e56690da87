import { performance } from 'node:perf_hooks'

/** Milliseconds on a monotonic clock; differences only, never a date. */
export type Now = () => number

export const monotonicNow: Now = () => performance.now()

/** Milliseconds since 1970, for certificates and documents only. */
export const wallNow: Now = () => Date.now()
