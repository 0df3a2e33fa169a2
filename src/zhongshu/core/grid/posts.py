"""The kinds of post a grid usually has: duties on areas, never facts about who holds them.

A city renames them, uses some, or adds its own; the code is what stays.
"""

from __future__ import annotations

from dataclasses import dataclass

from zhongshu.core.values import Name


@dataclass(frozen=True, slots=True, kw_only=True)
class PostKind:
    """A duty on areas of one level. ``step`` is its place in the organisation chain, from 1;
    0 where it is not part of the chain.
    """

    code: str
    name: Name
    level: str
    step: int = 0
    renamable: bool = True


#: Two posts every grid has, and the optional four-step chain of responsibility
#: (community → estate → building → member) as Zhengzhou practises it.
POSTS: tuple[PostKind, ...] = (
    PostKind(code="grid_lead", name=Name("网格长", "Grid lead"), level="grid"),
    PostKind(code="grid_worker", name=Name("网格员", "Grid worker"), level="grid"),
    PostKind(
        code="chain_community", name=Name("社区党组织", "Community organisation"),
        level="community", step=1,
    ),
    PostKind(
        code="chain_estate", name=Name("小区党支部", "Estate branch"), level="grid", step=2
    ),
    PostKind(
        code="chain_building", name=Name("楼栋党小组", "Building group"),
        level="micro_grid", step=3,
    ),
    PostKind(
        code="chain_member", name=Name("党员骨干", "Key member"),
        level="micro_grid", step=4,
    ),
)  # fmt: skip

#: The organisation chain, from the community down.
CHAIN: tuple[PostKind, ...] = tuple(
    sorted((post for post in POSTS if post.step), key=lambda post: post.step)
)
