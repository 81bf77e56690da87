import type { Route } from './route.ts'

/** Whether a host stands for all names below it, as `*.example.com`. */
export function isWildcard(host: string): boolean {
  return host.startsWith('*.')
}

/** One port of a v1/Service as callers see it. */
export interface Service {
  /** `<service>.<namespace>:<port>`, the same as its own cluster's name. */
  readonly name: string
  /** Authorities without a port: `orders`, `orders.default`, `orders.default.svc.cluster.local`, perhaps addresses. */
  readonly hosts: readonly string[]
  readonly port: number
  /** Never empty: without routes it holds one route to the Service's own cluster. */
  readonly routes: readonly Route[]
}
