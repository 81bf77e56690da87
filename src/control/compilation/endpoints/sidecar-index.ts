import { isIP, SocketAddress } from 'node:net'
import type { Configuration, InjectedPod } from '../../../model/configuration.ts'
import type { Registration } from '../../../model/registration.ts'

/** One that a slice names. */
export interface SliceMember {
  /** Absent: the slice says of no pod that it is this. */
  readonly pod: { readonly namespace: string; readonly name: string } | undefined
  readonly addresses: readonly string[]
  readonly port: number
}

/** What stands before an endpoint. */
export type Sidecar = Pick<
  Registration,
  'address' | 'ports' | 'meshPort' | 'identity' | 'name' | 'zone' | 'ready'
> &
  Partial<Pick<Registration, 'labels'>>

/** Finds the sidecar that stands before an endpoint of a slice. */
export class SidecarIndex {
  readonly #byName = new Map<string, Registration>()
  readonly #bySocket = new Map<string, Registration>()
  readonly #injected: ReadonlyMap<string, InjectedPod>

  constructor(
    registrations: readonly Registration[],
    injected: Configuration['injectedPods'] = new Map(),
  ) {
    this.#injected = injected
    for (const registration of registrations) {
      const { namespace, name, address, ports } = registration
      this.#byName.set(`${namespace}/${name}`, registration)
      for (const port of ports)
        this.#bySocket.set(`${namespace} ${canonical(address)} ${port}`, registration)
    }
  }

  /**
   * Whom a certificate was issued to is proven, and which address he is reached under is his own word. So where the
   * slice names a pod only that pod's sidecar will do: nobody else can claim its address. Elsewhere somebody of the
   * Service's namespace.
   */
  find({ pod, addresses, port }: SliceMember, namespace: string): Sidecar | undefined {
    if (pod !== undefined) {
      const sidecar = this.#ofPod(`${pod.namespace}/${pod.name}`, addresses)
      return sidecar?.ports.includes(port) ? sidecar : undefined
    }
    for (const address of addresses) {
      const sidecar = this.#bySocket.get(`${namespace} ${canonical(address)} ${port}`)
      if (sidecar !== undefined) return sidecar
    }
    return undefined
  }

  /** Without a registration it is as ready as the pod is: the kubelet asks the sidecar. */
  #ofPod(key: string, addresses: readonly string[]): Sidecar | undefined {
    const registered = this.#byName.get(key)
    const injected = this.#injected.get(key)
    // A pod's labels may have changed since its sidecar came.
    if (registered !== undefined && isAt(registered, addresses))
      return injected === undefined ? registered : { ...registered, labels: injected.labels }
    if (injected === undefined || !isAt(injected, addresses)) return undefined
    return { ...injected, name: key.slice(key.indexOf('/') + 1), ready: !injected.isLeaving }
  }
}

/**
 * A pod's address tells it from its forerunner of the same name, in a StatefulSet. A pod of two families can register
 * by one, and stand in the slices of a Service that has the other.
 */
function isAt({ address }: Pick<Sidecar, 'address'>, addresses: readonly string[]): boolean {
  const own = canonical(address)
  const family = isIP(own)
  return (
    addresses.some(candidate => canonical(candidate) === own) ||
    addresses.every(candidate => isIP(candidate) !== family)
  )
}

/** An IPv6 address can be written in many ways. */
function canonical(address: string): string {
  return isIP(address) === 6 ? new SocketAddress({ address, family: 'ipv6' }).address : address
}
