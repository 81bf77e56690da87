import { injectionSettings } from '../../../../../src/control/kubernetes/injection/injection-settings.ts'

export const context = { settings: injectionSettings.parse({}), version: '1.2.3' }

/** A pod as the ReplicaSet controller creates it. */
export function podObject(metadata: object = {}, spec: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'orders-5d4f-', labels: { app: 'orders' }, ...metadata },
    spec: {
      serviceAccountName: 'orders',
      containers: [{ name: 'app', image: 'shop/orders', ports: [{ containerPort: 8080 }] }],
      ...spec,
    },
  }
}

/** As kube-apiserver sends it. */
export function reviewOf(object: unknown, request: object = {}): object {
  return {
    kind: 'AdmissionReview',
    apiVersion: 'admission.k8s.io/v1',
    request: {
      uid: '705ab4f5-6393-11e8-b7cc-42010a800002',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      requestKind: { group: '', version: 'v1', kind: 'Pod' },
      namespace: 'shop',
      operation: 'CREATE',
      userInfo: { username: 'system:serviceaccount:kube-system:replicaset-controller' },
      object,
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions', apiVersion: 'meta.k8s.io/v1' },
      ...request,
    },
  }
}
