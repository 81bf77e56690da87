/** One address that serves a cluster. */
export interface Endpoint {
  /** Unique in its cluster and stable across snapshots: `address:port`, of the mesh port when it has one. */
  readonly id: string
  readonly address: string
  /** Port of the application. */
  readonly port: number
  /** Present when a sidecar answers for it: the request goes there, over mTLS, to exactly this identity. */
  readonly mesh?: MeshAddress
  /** Relative share among its cluster's endpoints; default 1, 0 takes nothing. */
  readonly weight: number
  readonly zone?: string
  /** Those of its labels that the cluster's policy asks for. Absent: it asks for none. */
  readonly labels?: Readonly<Record<string, string>>
  /** Name of the workload, for people. */
  readonly workload: string
}

export interface MeshAddress {
  /** Port of the sidecar's inbound mTLS listener (15008). */
  readonly port: number
  /** SPIFFE ID that the listener must prove. */
  readonly identity: string
  /** Which version or alias of a function is meant there; absent where it hosts none. */
  readonly qualifier?: string
}
