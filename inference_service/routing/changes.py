"""What a reload changed in routing, in sentences. Pure."""

from inference_service.routing.build import Parts


def differences(before: Parts, after: Parts) -> list[str]:
    """Providers, routes and credentials that were added, removed or changed."""
    changes = []
    for what, old, new in (
        ("provider", set(before.plan.providers), set(after.plan.providers)),
        ("route", {route.model for route in before.plan.routes}, {route.model for route in after.plan.routes}),
        ("credential", set(before.labels.values()), set(after.labels.values())),
    ):
        changes += [f"The {what} {name} was added." for name in sorted(new - old)]
        changes += [f"The {what} {name} was removed." for name in sorted(old - new)]
    former = {route.model: route for route in before.plan.routes}
    changes += [
        f"The route {route.model} was changed."
        for route in after.plan.routes
        if former.get(route.model, route) != route
    ]
    return changes
