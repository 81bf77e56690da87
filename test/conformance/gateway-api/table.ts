/** The routes of one conformance test of Gateway API, and what is to be seen through them. */
export interface ConformanceTable {
  /** As Gateway API calls the test. */
  readonly name: string
  /** Its file in kubernetes-sigs/gateway-api, from which the facts are. */
  readonly source: string
  /** HTTPRoutes and GRPCRoutes. */
  readonly routes: readonly object[]
  readonly rows: readonly Row[]
  /** Share of each backend, for requests of the first row. */
  readonly distribution?: Readonly<Record<string, number>>
}

export interface Row {
  readonly name?: string
  readonly request: {
    /** Default `echo`. */
    readonly host?: string
    /** The Service whose local port is called, whatever the host says. Default: the host leads there. */
    readonly via?: string
    /** Namespace of the caller. Default: that of the Services. */
    readonly from?: 'consumer'
    /** Default `/`. */
    readonly path?: string
    readonly method?: string
    readonly headers?: Readonly<Record<string, string>>
    /** The call is one of gRPC, of this path. */
    readonly grpc?: boolean
    /** Fields that the application shall put into its answer. */
    readonly answerWith?: Readonly<Record<string, string>>
  }
  readonly expect: {
    /** Any of these. Default: 200. */
    readonly status?: readonly number[]
    readonly grpcStatus?: number
    /** Who answers. Absent: no matter. */
    readonly backend?: string
    /** What the application gets. */
    readonly path?: string
    readonly host?: string
    readonly headers?: Readonly<Record<string, string>>
    readonly absentHeaders?: readonly string[]
    /** What the caller gets: any of the values; spaces after commas and the order of a list do not count. */
    readonly answer?: Readonly<Record<string, string | readonly string[]>>
    readonly absentAnswer?: readonly string[]
    /** Who gets a copy. */
    readonly mirroredTo?: readonly string[]
    /** Share of the requests that are copied there. */
    readonly mirroredShare?: number
  }
}

interface RouteOptions {
  readonly name?: string
  readonly namespace?: string
  /** The Service. */
  readonly parent?: string
  readonly parentNamespace?: string
  readonly port?: number
}

export const meshNamespace = 'gateway-conformance-mesh'
export const consumerNamespace = 'gateway-conformance-mesh-consumer'

function route(kind: string, rules: readonly object[], options: RouteOptions): object {
  const { name = 'mesh-test', namespace = meshNamespace, parent = 'echo', port } = options
  const { parentNamespace } = options
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind,
    metadata: { name, namespace },
    spec: {
      parentRefs: [{ group: '', kind: 'Service', name: parent, namespace: parentNamespace, port }],
      rules,
    },
  }
}

/** For port 80 of the Service `echo`, unless told otherwise. */
export function httpRoute(rules: readonly object[], options: RouteOptions = { port: 80 }): object {
  return route('HTTPRoute', rules, options)
}

/** For port 7070 of the Service `echo`. */
export function grpcRoute(rules: readonly object[]): object {
  return route('GRPCRoute', rules, { port: 7070 })
}

export function prefix(value: string): object {
  return { path: { type: 'PathPrefix', value } }
}

export function to(name: string, port = 8080): readonly object[] {
  return [{ name, port }]
}
