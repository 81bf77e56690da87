import { readFile, readdir, readlink } from 'node:fs/promises'

/** A line of `/proc/net/tcp` (proc(5)). */
interface TcpSocket {
  readonly localPort: number
  readonly remotePort: number
  readonly state: 'established' | 'listen' | 'other'
  readonly inode: string
}

const states: Readonly<Record<string, TcpSocket['state']>> = { '01': 'established', '0A': 'listen' }

/** Local ports of the connections over IPv4 that process `from` has to where process `to` listens. */
export async function connectionsBetween(from: number, to: number): Promise<ReadonlySet<number>> {
  const sockets = parseTcp(await readFile('/proc/net/tcp', 'utf8'))
  const [ofFrom, ofTo] = await Promise.all([inodesOf(from), inodesOf(to)])
  const listening = new Set<number>()
  for (const { inode, state, localPort } of sockets)
    if (state === 'listen' && ofTo.has(inode)) listening.add(localPort)
  const found = sockets.filter(
    ({ inode, state, remotePort }) =>
      state === 'established' && ofFrom.has(inode) && listening.has(remotePort),
  )
  return new Set(found.map(({ localPort }) => localPort))
}

export function parseTcp(text: string): TcpSocket[] {
  const [, ...lines] = text.trimEnd().split('\n')
  return lines.map(line => {
    const [, local, remote, state = '', , , , , , inode = ''] = line.trim().split(/\s+/)
    return {
      localPort: portOf(local),
      remotePort: portOf(remote),
      state: states[state] ?? 'other',
      inode,
    }
  })
}

/** `0100007F:1F90` is 127.0.0.1:8080. */
function portOf(address = ''): number {
  return Number.parseInt(address.split(':')[1] ?? '', 16)
}

async function inodesOf(pid: number): Promise<ReadonlySet<string>> {
  const folder = `/proc/${pid}/fd`
  // One may be closed between the listing and the look.
  const links = (await readdir(folder)).map(fd => readlink(`${folder}/${fd}`).catch(() => ''))
  const found = (await Promise.all(links)).map(link => /^socket:\[(\d+)\]$/.exec(link)?.[1])
  return new Set(found.filter(inode => inode !== undefined))
}
