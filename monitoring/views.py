"""The charts' JSON (``static/js/charts.js``)."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from console.core.errors import ActionError, AuthFailure
from console.core.pages import actor_from
from monitoring.forms import DescribeInstanceRealtimeStatsForm
from monitoring.selectors.metrics import Chart


@require_safe
def cluster_metrics(request: HttpRequest, cluster_id: str) -> JsonResponse:
    """``?charts=produced,tps&range=6h`` → ``{"charts": {"produced": {…}}}``; a refusal has the
    code and the message that every entrance gives.
    """
    charts = [name for name in request.GET.get("charts", "").split(",") if name]
    parameters = {
        "InstanceId": cluster_id,
        "Range": request.GET.get("range", ""),
        "Charts": charts,
    }
    try:
        actor = actor_from(request)
        if actor is None:
            raise AuthFailure(_("Sign in first."))
        stats = DescribeInstanceRealtimeStatsForm.from_parameters(parameters).perform(actor)
    except ActionError as error:
        refusal = {"code": error.full_code, "message": error.message}
        return JsonResponse(refusal, status=error.status)
    return JsonResponse({"charts": {name: _shown(chart) for name, chart in stats.charts.items()}})


def _shown(chart: Chart) -> dict[str, Any]:
    return {
        "from_ms": chart.from_ms,
        "until_ms": chart.until_ms,
        "times_ms": chart.times_ms,
        "series": [
            {"key": series.key, "name": series.name, "values": series.values}
            for series in chart.series
        ],
        "unit": chart.unit,
        **({"limit": chart.limit} if chart.limit is not None else {}),
    }
