import { readFileSync } from 'node:fs'

/** `hop` speaks plain text on both sides, `outbound` dials mTLS, `inbound` accepts it. */
export type LimitRole = 'hop' | 'outbound' | 'inbound'

export interface LimitArguments {
  readonly role: LimitRole
  readonly port: number
  readonly upstreamPort: number
}

/** What every limit is started with: role, own port, upstream's port, then files of certificate, key and CA. */
export const limitArguments: LimitArguments = {
  role: process.argv[2] as LimitRole,
  port: Number(process.argv[3]),
  upstreamPort: Number(process.argv[4]),
}

// Node keeps compiled code at an exit, not at death by signal; without it the type stripper stays in memory.
process.once('SIGTERM', () => process.exit())

/** For both ends of a pair. */
export function limitTls() {
  const [cert, key, ca] = process.argv.slice(5).map(file => readFileSync(file))
  if (cert === undefined || key === undefined || ca === undefined) {
    throw new Error('a pair needs the files of certificate, key and CA')
  }
  return { cert, key, ca, minVersion: 'TLSv1.3' as const }
}
