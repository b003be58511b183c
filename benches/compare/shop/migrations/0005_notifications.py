import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = False
    dependencies = [("shop", "0004_tags")]
    operations = [
        migrations.CreateModel(
            name="Notification",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("user", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="shop.user")),
                ("title", models.CharField(max_length=200)),
                ("read_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["user", "read_at"], name="notification_unread")
                ]
            },
        ),
    ]
