"""HorizontalPodAutoscalers: fast up, slow down."""

from __future__ import annotations

from pulumi_kubernetes.autoscaling.v2 import (
    CrossVersionObjectReferenceArgs,
    HorizontalPodAutoscaler,
    HorizontalPodAutoscalerBehaviorArgs,
    HorizontalPodAutoscalerSpecArgs,
    HPAScalingPolicyArgs,
    HPAScalingRulesArgs,
    MetricSpecArgs,
    MetricTargetArgs,
    ResourceMetricSourceArgs,
)

from layout.kubernetes import Workload
from stacks.kubernetes.scope import Scope

# Up at once, by four pods or double, whichever is more, every 15 s. Down only after five quiet minutes, and then by half at most
# every minute: a dip between two classes of users must not cost the second one its pods.
UP_WINDOW_S, UP_PODS, UP_PERCENT, UP_PERIOD_S = 0, 4, 100, 15
DOWN_WINDOW_S, DOWN_PERCENT, DOWN_PERIOD_S = 300, 50, 60


def autoscaler(scope: Scope, workload: Workload) -> None:
    scaling, name = workload.scaling, workload.service
    metrics = [_metric("cpu", scaling.cpu_percent)]
    if scaling.memory_percent is not None:
        metrics.append(_metric("memory", scaling.memory_percent))
    scope.keep(
        HorizontalPodAutoscaler(
            name,
            metadata=scope.meta(name),
            spec=HorizontalPodAutoscalerSpecArgs(
                scale_target_ref=CrossVersionObjectReferenceArgs(api_version="apps/v1", kind="Deployment", name=name),
                min_replicas=scaling.min,
                max_replicas=scaling.max,
                metrics=metrics,
                behavior=_behaviour(),
            ),
            opts=scope.after(),
        )
    )


def _metric(resource: str, percent: int) -> MetricSpecArgs:
    target = MetricTargetArgs(type="Utilization", average_utilization=percent)
    return MetricSpecArgs(type="Resource", resource=ResourceMetricSourceArgs(name=resource, target=target))


def _behaviour() -> HorizontalPodAutoscalerBehaviorArgs:
    up = [
        HPAScalingPolicyArgs(type="Pods", value=UP_PODS, period_seconds=UP_PERIOD_S),
        HPAScalingPolicyArgs(type="Percent", value=UP_PERCENT, period_seconds=UP_PERIOD_S),
    ]
    down = [HPAScalingPolicyArgs(type="Percent", value=DOWN_PERCENT, period_seconds=DOWN_PERIOD_S)]
    return HorizontalPodAutoscalerBehaviorArgs(
        scale_up=HPAScalingRulesArgs(stabilization_window_seconds=UP_WINDOW_S, select_policy="Max", policies=up),
        scale_down=HPAScalingRulesArgs(stabilization_window_seconds=DOWN_WINDOW_S, select_policy="Max", policies=down),
    )
