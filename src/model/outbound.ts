/** In Istio's words: whether destinations are reached that no Service and no ServiceEntry names. */
export const outboundTrafficPolicies = ['allowAny', 'registryOnly'] as const

export type OutboundTrafficPolicy = (typeof outboundTrafficPolicies)[number]

/** How a sidecar lets its application's calls out. */
export interface Outbound {
  /** For captured connections and CONNECTs, unless the sidecar's own start says otherwise. */
  readonly trafficPolicy: OutboundTrafficPolicy
}
