import t from 'tap'
import {
  parseResourcePath,
  permissionFor,
  verbOf,
} from '../../../../../src/control/kubernetes/api/resource-path.ts'

t.test('paths name group, resource, subresource, namespace and name', async t => {
  const cases = {
    '/api/v1/services': ['', 'services', undefined, undefined],
    '/api/v1/namespaces/shop/services?limit=1': ['', 'services', 'shop', undefined],
    '/api/v1/namespaces': ['', 'namespaces', undefined, undefined],
    '/api/v1/namespaces/shop': ['', 'namespaces', undefined, 'shop'],
    '/api/v1/namespaces/shop/status': ['', 'namespaces/status', undefined, 'shop'],
    '/apis/apps/v1/namespaces/a/deployments/d/scale': ['apps', 'deployments/scale', 'a', 'd'],
    '/apis/apps/v1/deployments': ['apps', 'deployments', undefined, undefined],
  } as const
  for (const [path, [group, resource, namespace, name]] of Object.entries(cases))
    t.strictSame(parseResourcePath(path), { group, resource, namespace, name }, path)
  for (const path of ['/version', '/apis/apps/v1', '/api/v1', '/'])
    t.equal(parseResourcePath(path), undefined, path)
})

t.test('verbs are those of roles', async t => {
  t.equal(verbOf('GET', '/api/v1/pods'), 'list')
  t.equal(verbOf('GET', '/api/v1/pods?limit=1&watch=true'), 'watch')
  t.equal(verbOf('GET', '/api/v1/namespaces/a/pods/b'), 'get')
  t.equal(verbOf('GET', '/version'), 'get')
  t.equal(verbOf('POST', '/api/v1/pods'), 'create')
  t.equal(verbOf('PUT', '/api/v1/namespaces/a/pods/b'), 'update')
  t.equal(verbOf('PATCH', '/api/v1/namespaces/a/pods/b'), 'patch')
  t.equal(verbOf('DELETE', '/api/v1/namespaces/a/pods/b'), 'delete')
})

t.test('what is no resource is allowed by its URL', async t => {
  t.equal(permissionFor('GET', '/version?x=1'), 'the verb get on the URL /version')
})
