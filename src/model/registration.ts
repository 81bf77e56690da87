/** A workload whose sidecar has announced itself and holds a lease. */
export interface Registration {
  readonly namespace: string
  readonly name: string
  readonly serviceAccount: string
  /** From the join token's record, never from the sidecar's own word: labels decide whose traffic it gets. */
  readonly labels: Readonly<Record<string, string>>
  readonly zone?: string
  /** Address of application and sidecar. */
  readonly address: string
  readonly ports: readonly number[]
  readonly meshPort: number
  /** SPIFFE ID proven by the connection that registered. */
  readonly identity: string
  /** False while the application fails its health check or the sidecar drains: takes no traffic. */
  readonly ready: boolean
}
