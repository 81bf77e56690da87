import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { commandOf } from './installed.ts'
import { serverName } from './server-name.ts'
import { workPath } from './work-folder.ts'

/** The two ends of a pair: `client` dials, `server` accepts. Both prove themselves. */
export type PairEnd = 'client' | 'server'

export interface CertificateFiles {
  readonly certificate: string
  readonly key: string
  /** Certificate and key in one file, as HAProxy wants them. */
  readonly combined: string
  readonly authority: string
}

export function certificateFiles(end: PairEnd): CertificateFiles {
  return {
    certificate: pemPath(`${end}.crt`),
    key: pemPath(`${end}.key`),
    combined: pemPath(`${end}.pem`),
    authority: pemPath('ca.crt'),
  }
}

/** A new CA and one P-256 certificate for each end, replacing those of the run before. */
export function issueCertificates(): void {
  mkdirSync(pemPath(), { recursive: true })
  newKey('ca')
  openssl('req -x509 -new -key ca.key -subj /CN=bench-ca -days 2 -out ca.crt')
  for (const end of ['client', 'server']) {
    const uri = `URI:spiffe://bench.local/ns/default/sa/${end}`
    writeFileSync(pemPath(`${end}.ext`), `subjectAltName=${uri},DNS:${serverName}\n`)
    newKey(end)
    openssl(`req -new -key ${end}.key -subj /CN=${end} -out ${end}.csr`)
    openssl(
      `x509 -req -in ${end}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile ${end}.ext -out ${end}.crt`,
    )
    const both = [`${end}.crt`, `${end}.key`].map(file => readFileSync(pemPath(file), 'utf8'))
    writeFileSync(pemPath(`${end}.pem`), both.join(''), { mode: 0o600 })
  }
}

function newKey(name: string): void {
  openssl(`ecparam -name prime256v1 -genkey -noout -out ${name}.key`)
}

function openssl(args: string): void {
  execFileSync(commandOf('openssl'), args.split(' '), { cwd: pemPath(), stdio: 'pipe' })
}

function pemPath(...parts: string[]): string {
  return workPath('certificates', ...parts)
}
