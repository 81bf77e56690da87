import t from 'tap'
import { inClusterOptions } from '../../../../../src/control/kubernetes/api/in-cluster.ts'

const pod = { KUBERNETES_SERVICE_HOST: '10.96.0.1', KUBERNETES_SERVICE_PORT: '6443' }

t.test('in a pod the kubelet says where the server is, and mounts the rest', async t => {
  const folder = '/var/run/secrets/kubernetes.io/serviceaccount'
  t.strictSame(inClusterOptions(pod, {}), {
    server: 'https://10.96.0.1:6443',
    tokenFile: `${folder}/token`,
    caFile: `${folder}/ca.crt`,
  })
  const { server } = inClusterOptions({ KUBERNETES_SERVICE_HOST: 'fd00::1' }, {})
  t.equal(server, 'https://[fd00::1]:443')
})

t.test('what is given goes before it', async t => {
  const given = { server: 'https://api.example/', tokenFile: '/t', caFile: '/c' }
  t.strictSame(inClusterOptions(pod, given), { ...given, server: 'https://api.example' })
})

t.test('outside a cluster it says what to name', async t => {
  t.throws(() => inClusterOptions({}, {}), /no pod of a cluster.*kubernetes\.server/)
})
