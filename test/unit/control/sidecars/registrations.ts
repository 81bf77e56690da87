import type { Registration } from '../../../../src/model/registration.ts'

/** Of an application on port 80, and what the test changes. */
export function registrationOf(name: string, changes: Partial<Registration> = {}): Registration {
  return {
    namespace: 'default',
    name,
    serviceAccount: name,
    labels: { app: name },
    address: '127.0.0.1',
    ports: [80],
    meshPort: 15_008,
    identity: `spiffe://weft.local/ns/default/sa/${name}`,
    ready: true,
    ...changes,
  }
}
