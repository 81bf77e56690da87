/** In Istio's words: whether destinations that are not in the mesh are reached. */
export const outboundTrafficPolicies = ['allowAny', 'registryOnly'] as const

export type OutboundTrafficPolicy = (typeof outboundTrafficPolicies)[number]

/** How a sidecar lets its application's calls out. */
export interface Outbound {
  /** For captured connections, unless the sidecar's own start says otherwise. */
  readonly trafficPolicy: OutboundTrafficPolicy
}
