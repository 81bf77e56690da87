import functions_framework


@functions_framework.http
def hello(request):
    return f"Hello {request.args.get('name')}"


@functions_framework.cloud_event
def noted(event):
    print(f"{event['type']} {event['subject']} {event.data}", flush=True)
