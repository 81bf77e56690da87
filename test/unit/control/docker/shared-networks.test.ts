import t from 'tap'
import type {
  AttachedNetwork,
  ListedContainer,
} from '../../../../src/control/docker/engine-view.ts'
import { SharedNetworks } from '../../../../src/control/docker/shared-networks.ts'

function network(id: string, ipv4: string, ipv6 = ''): AttachedNetwork {
  return { id, ipv4, ipv4Prefix: 16, ipv6, ipv6Prefix: 64 }
}

function container(networks: Record<string, AttachedNetwork>): ListedContainer {
  const common = { id: 'c', name: 'c', state: 'running', status: '', created: 0, labels: {} }
  return { ...common, networks: new Map(Object.entries(networks)) }
}

const us = (...addresses: readonly string[]) => ({
  eth0: addresses.map(address => ({
    address,
    netmask: '',
    mac: '',
    cidr: null,
    internal: address.startsWith('127.'),
    ...(address.includes(':')
      ? { family: 'IPv6' as const, scopeid: 0 }
      : { family: 'IPv4' as const }),
  })),
})

const both = container({
  shop: network('n1', '172.18.0.2'),
  back: network('n2', '172.19.0.2', 'fd00:19::2'),
})

t.test('only networks count that we have an address in', async t => {
  const look = (...own: readonly string[]) =>
    new SharedNetworks({ network: undefined, interfaces: () => us(...own) }).look()
  t.strictSame(look('172.18.0.9').addressesOf(both), ['172.18.0.2'])
  t.strictSame(look('172.18.0.9').placeOf(both), { network: 'shop', address: '172.18.0.2' })
  t.strictSame(look('172.19.0.1').addressesOf(both), ['172.19.0.2', 'fd00:19::2'])
  t.strictSame(look('fd00:19::9').addressesOf(both), ['172.19.0.2', 'fd00:19::2'])
  t.strictSame(look('10.0.0.1', '127.0.0.1').addressesOf(both), [])
  t.equal(look('10.0.0.1').placeOf(both), undefined)
})

t.test('of several the first by name is where a container is called', async t => {
  const interfaces = () => us('172.18.0.9', '172.19.0.9')
  const view = new SharedNetworks({ network: undefined, interfaces }).look()
  t.strictSame(view.placeOf(both), { network: 'back', address: '172.19.0.2' })
})

t.test('a network that is named counts, and no other', async t => {
  const view = new SharedNetworks({ network: 'shop', interfaces: () => us('172.19.0.1') }).look()
  t.strictSame(view.addressesOf(both), ['172.18.0.2'])
})

t.test('one that does not run, or has no network, is nowhere', async t => {
  const stopped = container({ shop: network('n1', ''), back: network('', '') })
  const view = new SharedNetworks({ network: undefined, interfaces: () => us('172.18.0.9') }).look()
  t.equal(view.placeOf(stopped), undefined)
  t.strictSame(view.placeOf(both), { network: 'shop', address: '172.18.0.2' }, 'and hides no other')
  t.equal(view.placeOf(container({})), undefined)
})

t.test('an engine that makes up prefixes is not believed', async t => {
  const odd = { ...network('n', '172.18.0.2', 'fd00::1'), ipv4Prefix: 99, ipv6Prefix: 999 }
  const view = new SharedNetworks({ network: undefined, interfaces: () => us('172.18.0.2') }).look()
  t.equal(view.placeOf(container({ odd })), undefined)
})
