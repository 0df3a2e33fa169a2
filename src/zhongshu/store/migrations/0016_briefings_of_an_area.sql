-- Whoever writes the briefing of one area freezes no figures of the whole city: where its
-- period has no snapshot the document alone says up to where in the ledger was counted.

alter table briefings drop constraint frozen_wholly_or_not;
alter table briefings add constraint frozen_wholly_or_not check (
    (frozen_at is null) = (document is null) and (frozen_at is null) = (sha256 is null)
    and (frozen_at is not null or snapshot is null));
