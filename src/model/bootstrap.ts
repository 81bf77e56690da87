import type { OutboundTrafficPolicy } from './outbound.ts'
import type { PluginSettings } from './plugin.ts'

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
  /** `container`: without a token, by the container that the connection comes from. Default `token`. */
  readonly join?: 'token' | 'container'
  readonly admin: SocketAddress
  /** Health and metrics for whoever stands outside, such as the kubelet and Prometheus (15020). Absent: off. */
  readonly health?: HealthBootstrap
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
  /** Address under which other sidecars reach this one. Absent: the one that it calls the control plane from. */
  readonly advertise?: string
  /** From SIGTERM to the forced end. Default 30000. */
  readonly drainTimeoutMs: number
  /** JSON lines on standard output: of every exchange, of failed ones, or of none. Default `errors`. */
  readonly accessLog?: 'all' | 'errors' | 'off'
  /** Threads that share the traffic, on Linux; each is a data plane of its own. Default 1: none but the main one. */
  readonly workers?: number
  /** Run around each exchange, in this order. Default: none. */
  readonly plugins?: readonly PluginSettings[]
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

/** `/ready` `/live` `/metrics`, and in the application's place its probes. */
export interface HealthBootstrap extends SocketAddress {
  /** Where the application exposes metrics of its own, which are shown together with ours. */
  readonly applicationMetrics?: { readonly port: number; readonly path: string }
  /** By the path under which they are asked for here, as `/app-health/web/livez`. */
  readonly probes?: Readonly<Record<string, ApplicationProbe>>
}

/** A probe of a pod's container, which the sidecar makes instead of the kubelet. */
export interface ApplicationProbe {
  /** `https`: the certificate is not checked, as the kubelet does not. */
  readonly kind: 'http' | 'https' | 'tcp' | 'grpc'
  readonly port: number
  /** Of HTTP. Default `/`. */
  readonly path?: string
  readonly headers?: readonly { readonly name: string; readonly value: string }[]
  /** Of gRPC's health service. Default: that of the whole server. */
  readonly service?: string
  readonly timeoutMs: number
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
  /** File or folder of YAML documents. Absent: all comes from the cluster or the engine. */
  readonly configPath?: string
  /** Documents of kinds that are not known here are left out. Default false: they are problems. */
  readonly ignoresUnknownKinds?: boolean
  /** Folder for the CA key, registrations and the last good configuration; mode 0700. */
  readonly stateDirectory: string
  /** Where the CA's certificates are also written, for sidecars that must not see the rest. Absent: nowhere else. */
  readonly trustBundleFile?: string
  readonly trustDomain: string
  /** mTLS push and identity (15012). */
  readonly push: SocketAddress
  /** `/metrics`, `/status` (15014). */
  readonly admin: SocketAddress
  /** Lease of a registration without word from its sidecar. Default 30000. */
  readonly leaseMs: number
  /** File that says what starts functions of which nothing runs. Absent: nothing does. */
  readonly scaling?: string
  /** Configuration, identities and the CA's key come from the cluster that it runs in. Absent: it runs in none. */
  readonly kubernetes?: KubernetesBootstrap
  /** Services and identities come from the containers of an engine. Absent: no engine is asked. */
  readonly docker?: DockerBootstrap
}

export interface KubernetesBootstrap {
  /** Of the control plane itself: its lease, the CA's Secret (`weft-system`). */
  readonly namespace: string
  /** Of this replica, for the lease: the pod's name. */
  readonly replica: string
  /** Of the API. Default: that of the cluster whose pod this is. */
  readonly server?: string
  /** Default: where the kubelet puts them. */
  readonly tokenFile?: string
  readonly caFile?: string
  /** Mutating admission webhook (15017). Absent: pods are not injected. */
  readonly webhook?: SocketAddress
  /** YAML with what the injector is set to. Absent: its defaults. */
  readonly injectionFile?: string
}

export interface DockerBootstrap {
  /** Of the engine (`/var/run/docker.sock`). */
  readonly socket: string
  /** Whose addresses count where a container is in several networks. Default: the first by name that we are in too. */
  readonly network?: string
}

/** Where a sidecar listens unless it is told otherwise: Istio's ports, so that nobody has to learn new ones. */
export const sidecarPorts = {
  admin: 15_000,
  outbound: 15_001,
  /** What iptables brings from outside. */
  captured: 15_006,
  inbound: 15_008,
  health: 15_020,
  dns: 15_053,
} as const
