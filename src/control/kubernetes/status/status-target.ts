/** An object whose status this control plane writes, as it was last seen. */
export interface StatusTarget {
  /** `HTTPRoute default/orders`, as problems name it. */
  readonly title: string
  /** Of the object in the API; its status lies at `…/status`. */
  readonly path: string
  readonly generation: number
  readonly resourceVersion: string
  readonly status: StatusFields
  /** Of a route: those of its `parentRefs` that are Services, as they stand there. Absent: it is no route. */
  readonly parentRefs?: readonly ParentReference[]
}

/** What stands in `status` is whoever's word; nothing is known of its form. */
export interface StatusFields {
  /** Of a route: what each controller says for each parent. */
  readonly parents?: unknown
  /** Of the kinds of weft.dev. */
  readonly conditions?: unknown
}

/** Gateway API's ParentReference. */
export interface ParentReference {
  readonly group?: string
  readonly kind?: string
  readonly namespace?: string
  readonly name: string
  readonly sectionName?: string
  readonly port?: number
}
