/** The Service of the article that the project started from, as it stands there. */
export const firstServiceYaml = `apiVersion: v1
kind: Service
metadata:
  name: my-service
spec:
  selector:
    app: my-app
  ports:
    - protocol: TCP
      port: 80
      targetPort: 8080
`
