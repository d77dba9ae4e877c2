"""ACM: a certificate is issued when its validation record is in a sandbox zone, and is in use while a listener has it.

moto issues every certificate after a minute whatever DNS says, gives all names the same validation record, deletes a
certificate under a listener, and signs with nothing. Here certificates come from the sandbox's authority, so that the
workspace endpoint can serve them.
"""
from __future__ import annotations

import hashlib
from typing import Any

from moto.acm import models as acm
from moto.core.exceptions import JsonRESTError
from moto.elbv2.models import elbv2_backends
from moto.route53.models import route53_backends

from . import clock, conditions
from .authority import AUTHORITY, pem_of
from .patching import backends, wrap


def _generate(cls: type, domain_name: str, account_id: str, region: str, sans: Any = None, cert_authority_arn: Any = None) -> Any:
    names = [domain_name, *(name for name in sans or [] if name != domain_name)]
    certificate, key = AUTHORITY.issue(names)
    return cls(
        certificate=certificate,
        private_key=key,
        chain=pem_of(AUTHORITY.certificate),
        cert_type="AMAZON_ISSUED",
        cert_status="PENDING_VALIDATION",
        cert_authority_arn=cert_authority_arn,
        account_id=account_id,
        region=region,
    )


acm.CertBundle.generate_cert = classmethod(_generate)


def validation_record(account_id: str, name: str) -> tuple[str, str]:
    """The CNAME that proves a name: the same for the name and its wildcard, and stable per account, as on AWS."""
    domain = name.removeprefix("*.")
    token = hashlib.md5(f"{account_id}/{domain}".encode()).hexdigest()
    value = hashlib.md5(f"{account_id}/{domain}/value".encode()).hexdigest()
    return f"_{token}.{domain}.", f"_{value}.{token[:10]}.acm-validations.aws."


def _account_of(bundle: Any) -> str:
    return bundle.arn.split(":")[4]


def _check(self: Any) -> None:
    """A pending certificate is issued one step after all its validation records exist."""
    if self.type != "AMAZON_ISSUED" or self.status != "PENDING_VALIDATION":
        return
    known = {
        (record.name.rstrip(".").lower(), str(value).rstrip(".").lower())
        for backend in backends(route53_backends)
        for zone in backend.zones.values()
        for record in zone.rrsets
        if record.type == "CNAME"
        for value in record.records
    }
    wanted = [validation_record(_account_of(self), name) for name in self.sans]
    if not all((name.rstrip(".").lower(), value.rstrip(".").lower()) in known for name, value in wanted):
        clock.notes(self).pop("proven", None)
    elif clock.passed(clock.notes(self).setdefault("proven", clock.now()), 1):
        self.status = "ISSUED"


acm.CertBundle.check = _check


@wrap(acm.CertBundle, "describe")
def _describe(original: Any, self: Any) -> dict[str, Any]:
    described = original(self)
    certificate = described["Certificate"]
    for option in certificate.get("DomainValidationOptions", []):
        name, value = validation_record(_account_of(self), option["DomainName"])
        option["ResourceRecord"] = {"Name": name, "Type": "CNAME", "Value": value}
    certificate["InUseBy"] = load_balancers_with(self.arn)
    if self.status == "PENDING_VALIDATION":
        for absent in ("IssuedAt", "NotAfter", "NotBefore", "Serial"):
            certificate.pop(absent, None)
    certificate.update(conditions.value("certificate", {}))
    return described


def load_balancers_with(arn: str) -> list[str]:
    """The load balancers whose listeners carry a certificate."""
    region, account = arn.split(":")[3:5]
    found = []
    for balancer in elbv2_backends[account][region].load_balancers.values():
        if any(arn in (listener.certificates or []) or arn == listener.certificate for listener in balancer.listeners.values()):
            found.append(balancer.arn)
    return found


@wrap(acm.AWSCertificateManagerBackend, "delete_certificate")
def _delete(original: Any, self: Any, arn: str) -> Any:
    if arn in self._certificates and load_balancers_with(arn):
        raise JsonRESTError("ResourceInUseException", f"Certificate {arn} in account {self.account_id} is in use.")
    return original(self, arn)
