-- their rows are identities since 0071
alter table certificates_projects_old rename column project_id to moved_project_id;
