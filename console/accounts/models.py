"""People and programs that may use the console: the account's owner, sub-users, rights policies,
API keys.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils.translation import gettext_lazy as _


class UserManager(BaseUserManager["User"]):
    """Makes users with a hashed password."""

    def create_user(self, username: str, password: str | None, **fields: Any) -> User:
        """Insert a user; ``password`` None makes sign-in by password impossible."""
        user = self.model(username=username, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """The owner of an account (``owner`` is empty) or one of its sub-users (CONTRACT R1)."""

    username = models.CharField(_("username"), max_length=64, unique=True)
    uin = models.CharField(max_length=20, unique=True)
    """Twelve digits that name the user in rights policies and in the API."""
    owner = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.CASCADE, related_name="sub_users"
    )
    remark = models.CharField(_("remark"), max_length=128, blank=True)
    language = models.CharField(max_length=10, blank=True)
    """Code of the language the user reads (DECISIONS 17); empty = as the browser says."""
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    USERNAME_FIELD = "username"
    objects: ClassVar[UserManager] = UserManager()

    class Meta:
        ordering = ("id",)

    def __str__(self) -> str:
        return self.username

    @property
    def is_owner(self) -> bool:
        """Whether the account is this user's own; an owner may do everything."""
        return self.owner_id is None

    @property
    def account_uin(self) -> str:
        """Uin of the account, which is its owner's."""
        return self.uin if self.owner is None else self.owner.uin


class RightsPolicy(models.Model):
    """A JSON rights policy of an account (CONTRACT R6); presets are not rows (``presets``)."""

    account_uin = models.CharField(max_length=20, db_index=True)
    name = models.CharField(max_length=64)
    """Cannot be changed after creation (CONTRACT R6)."""
    remark = models.CharField(max_length=128, blank=True)
    document = models.JSONField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=("account_uin", "name"), name="one_rights_policy_per_name"
            ),
        )

    def __str__(self) -> str:
        return self.name


class PolicyAttachment(models.Model):
    """A policy, by name, attached to a sub-user: a preset or a row of the account."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="attachments")
    policy_name = models.CharField(max_length=64)
    attached_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("attached_at",)
        constraints = (
            models.UniqueConstraint(
                fields=("user", "policy_name"), name="one_attachment_per_policy"
            ),
        )

    def __str__(self) -> str:
        return f"{self.user}: {self.policy_name}"


class ApiKey(models.Model):
    """A SecretId with its SecretKey, at most two a user (CONTRACT R2). The key is shown once and
    kept sealed.
    """

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_keys")
    secret_id = models.CharField(max_length=64, unique=True)
    sealed_key = models.BinaryField()
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ("created_at",)

    def __str__(self) -> str:
        return self.secret_id
