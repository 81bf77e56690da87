import type { OutboundTrafficPolicy } from './outbound.ts'

/** What `weft proxy` knows before it hears of the control plane. Written by `weft up`, a person, or an injector. */
export interface ProxyBootstrap {
  readonly workload: WorkloadIdentity
  /** Folder for key, certificate and the last good snapshot; made with mode 0700. */
  readonly stateDirectory: string
  readonly controlPlane: ControlPlaneAddress
  /** PEM file with the CA certificates to believe at first contact. */
  readonly trustBundleFile: string
  /** File with the single-use join token; needed only while no valid certificate lies in the state directory. */
  readonly joinTokenFile?: string
  readonly admin: SocketAddress
  /** Host- or absolute-form routed requests of the application. */
  readonly outbound: SocketAddress
  /** mTLS from other sidecars. */
  readonly inbound: SocketAddress
  /** Where the application listens; the first port is the default target. */
  readonly application: { readonly host: string; readonly ports: readonly number[] }
  /** It runs a function, which the control plane tells it, and has no application. Default false. */
  readonly hostsFunction?: boolean
  /** Active check of the application; while it fails the workload takes no traffic. */
  readonly applicationHealth?: { readonly path: string; readonly intervalMs: number }
  readonly upstreams: readonly UpstreamListener[]
  /** DNS mode: names of the mesh lead to loopback addresses on which this sidecar listens. Absent: off. */
  readonly dns?: DnsBootstrap
  /** iptables brings the application's connections to `outbound` (`weft init`). Absent: they come by themselves. */
  readonly transparent?: TransparentBootstrap
  /** Address under which other sidecars reach this one. */
  readonly advertise: string
  /** From SIGTERM to the forced end. Default 30000. */
  readonly drainTimeoutMs: number
  /** JSON lines on standard output: of every exchange, of failed ones, or of none. Default `errors`. */
  readonly accessLog?: 'all' | 'errors' | 'off'
  /** Threads that share the traffic, on Linux; each is a data plane of its own. Default 1: none but the main one. */
  readonly workers?: number
}

export interface WorkloadIdentity {
  readonly name: string
  readonly namespace: string
  readonly serviceAccount: string
  readonly labels: Readonly<Record<string, string>>
  readonly zone?: string
}

export interface SocketAddress {
  readonly host: string
  readonly port: number
}

export interface ControlPlaneAddress extends SocketAddress {
  readonly trustDomain: string
}

/** A local port that leads to one service. */
export interface UpstreamListener extends SocketAddress {
  /** `orders`, `orders.default` or `orders.default:80`. */
  readonly service: string
}

/** Where the sidecar answers DNS, by UDP and TCP (15053; 53 where a resolv.conf is to point at it). */
export interface DnsBootstrap extends SocketAddress {
  /** Resolvers for names outside the mesh, as IP addresses, in the order of trying. Default: those of `resolvConf`. */
  readonly upstreams?: readonly SocketAddress[]
  /** Read once, at the start. Default `/etc/resolv.conf`. */
  readonly resolvConf?: string
}

export interface TransparentBootstrap {
  /** Where what comes in without mTLS is taken (15006). Absent: it goes to the application itself. */
  readonly inbound?: SocketAddress
  /** What becomes of destinations that are not in the mesh. Default: what the Mesh says. */
  readonly outboundTrafficPolicy?: OutboundTrafficPolicy
}

/** What `weft control` is started with. */
export interface ControlBootstrap {
  /** File or folder of YAML documents. */
  readonly configPath: string
  /** Folder for the CA key, registrations and the last good configuration; mode 0700. */
  readonly stateDirectory: string
  readonly trustDomain: string
  /** mTLS push and identity (15012). */
  readonly push: SocketAddress
  /** `/metrics`, `/status` (15014). */
  readonly admin: SocketAddress
  /** Lease of a registration without word from its sidecar. Default 30000. */
  readonly leaseMs: number
  /** File that says what starts functions of which nothing runs. Absent: nothing does. */
  readonly scaling?: string
}
